// Takes whom this person has just blocked off their other open pages. It must never fetch a page:
// the one on which it was pressed has something to say, and a reload here would hear it instead.

export function watchBlocked(live) {
  live.on("blocked", ({ data }) => {
    for (const one of shownOf(data.person)) one.remove();
  });
}

// Every line, post, note and bubble that is theirs.
function shownOf(name) {
  const leadsThere = (link) => link.pathname.split("/").includes(encodeURIComponent(name));
  const links = [...document.querySelectorAll("main li a[href], main article a[href]")].filter(leadsThere);
  const theirs = document.querySelector("[data-conversation]")?.dataset.conversation === name;
  const bubbles = theirs ? document.querySelectorAll(".said.theirs") : [];
  return new Set([...links.map((link) => link.closest("li, article")), ...bubbles]);
}
