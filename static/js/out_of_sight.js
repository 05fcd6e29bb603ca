// Takes people who may not be seen any more (blocked in another window, or gone) off an open page.
// It must never fetch a page: the one on which it was pressed has something to say, and that would
// be heard here instead.

// As many as one question may name.
const PEOPLE_MOST = 50;
const THEIRS = "[data-of], [data-with], [data-presence], [data-conversation] .said.theirs";

export async function takeOutOfSight() {
  const people = [...new Set([...document.querySelectorAll(THEIRS)].map(whose))];
  for (let start = 0; start < people.length; start += PEOPLE_MOST) {
    const some = people.slice(start, start + PEOPLE_MOST);
    const seen = await inSight(some);
    const gone = some.filter((name) => !seen.has(name));
    // Looked for again: the page may have gone on meanwhile.
    for (const place of document.querySelectorAll(THEIRS)) if (gone.includes(whose(place))) place.remove();
  }
}

function whose(place) {
  const { of, with: other, presence } = place.dataset;
  return of ?? other ?? presence ?? place.closest("[data-conversation]").dataset.conversation;
}

async function inSight(people) {
  try {
    const reply = await fetch(`/people/in-sight?people=${people.map(encodeURIComponent).join(",")}`, {
      headers: { Accept: "application/json" },
      cache: "no-store",
    });
    if (reply.ok) return new Set(await reply.json());
  } catch {
    // Not now: what is shown stays until the page is loaded anew.
  }
  return new Set(people);
}
