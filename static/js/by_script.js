// Tells the server that this browser runs scripts: then it waits to be told what was seen, instead
// of taking every page that it sends for read.

const A_YEAR_SECONDS = 31_536_000;

export function sayThatScriptsRun() {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `notifier_script=1; Path=/; Max-Age=${A_YEAR_SECONDS}; SameSite=Lax${secure}`;
}
