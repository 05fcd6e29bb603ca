// Sentences in the reader's language. English is the source: what stands in the scripts is the key.
// It must never be given words that are not written out in the call: scripts/languages reads them.
//
//   text("Message from {name}", { name })        counted("{n} new message", "{n} new messages", n)

const root = document.documentElement;
const given = document.getElementById("texts");
const { forms, sentences } = given ? JSON.parse(given.textContent) : { forms: {}, sentences: {} };

export const language = root.lang || "en";

const plural = new Intl.PluralRules(language);
const figures = new Intl.NumberFormat(language);

export function text(source, values = {}) {
  return filled(sentences[source]?.[0] ?? source, values);
}

export function counted(one, many, n, values = {}) {
  const category = plural.select(n);
  const found = sentences[one]?.[forms[category] ?? 0] ?? (category === "one" ? one : many);
  return filled(found, { n: figures.format(n), ...values });
}

// "harry, gitau and 2 others" as the language joins a list.
export function listed(items) {
  return new Intl.ListFormat(language).format(items);
}

function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (hole, name) => values[name] ?? hole);
}
