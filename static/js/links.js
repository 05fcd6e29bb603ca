// Addresses in what people write become links: http and https only, all else stays text. The twin
// of notifier/web/links.py, which must find the same. It must never make markup of text.

const ADDRESS = /(?<![\p{L}\p{N}_])https?:\/\/[^\s<>"\p{Cf}]+/giu;
const TRAILING = ".,;:!?'…»”’*_";
const BRACKETS = { ")": "(", "]": "[", "}": "{" };
const REL = "noopener noreferrer nofollow ugc";

// The nodes that show `words`.
export function linked(words) {
  const nodes = [];
  let end = 0;
  for (const match of words.matchAll(ADDRESS)) {
    const address = withoutSentenceEnd(match[0]);
    if (!leadsSomewhere(address)) continue;
    nodes.push(words.slice(end, match.index), link(address));
    end = match.index + address.length;
  }
  return [...nodes, words.slice(end)];
}

function withoutSentenceEnd(address) {
  const count = (sign) => address.split(sign).length - 1;
  while (address) {
    const last = address.at(-1);
    const opening = BRACKETS[last];
    const closesNothing = opening && count(last) > count(opening);
    if (!TRAILING.includes(last) && !closesNothing) break;
    address = address.slice(0, -1);
  }
  return address;
}

function leadsSomewhere(address) {
  const host = address.replace(/^https?:\/\//i, "").split(/[/?#]/)[0];
  return host !== "" && !host.includes("@") && URL.canParse(address);
}

function link(address) {
  const made = document.createElement("a");
  made.href = address;
  made.rel = REL;
  made.target = "_blank";
  made.textContent = address;
  return made;
}
