// How this person wants to be told, as the page was rendered with it: ways by name, quiet hours.
// It must never decide whether anybody looks; that is another question.

const ANYTHING_ELSE = "*";
const QUIET_WAYS = ["toast"];

export class Choices {
  #ways;
  #quiet;
  #clock;

  // { ways: { name: [way] }, names: [name], quiet: [from, until] or null, zone }
  constructor({ ways, quiet, zone }) {
    this.#ways = ways;
    this.#quiet = quiet;
    this.#clock = new Intl.DateTimeFormat("en-GB", {
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
      timeZone: zone,
    });
  }

  allows(way, name, now = new Date()) {
    const ways = this.#ways[name] ?? this.#ways[ANYTHING_ELSE];
    return ways.includes(way) && (QUIET_WAYS.includes(way) || !this.isQuiet(now));
  }

  isQuiet(now = new Date()) {
    if (!this.#quiet) return false;
    const [hours, minutes] = this.#clock.format(now).split(":").map(Number);
    const minute = hours * 60 + minutes;
    const [from, until] = this.#quiet;
    return from <= until ? minute >= from && minute < until : minute >= from || minute < until;
  }
}
