// Shows how far an export is, and the way to it once it is ready.
// It must never lead anywhere but to where the page's own server says.

export function watchExport(live) {
  const place = document.querySelector("[data-export]");
  if (!place) return;
  const progress = place.querySelector("[data-export-progress]");
  const link = place.querySelector("[data-export-link]");
  live.on("export_progress", ({ data }) => {
    progress.querySelector("[data-figure]").textContent = data.percent;
    progress.hidden = Boolean(data.link);
    link.hidden = !data.link;
    if (data.link) link.href = new URL(data.link, location.origin).pathname;
  });
}
