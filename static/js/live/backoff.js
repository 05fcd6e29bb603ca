// How long to wait before trying again. Full jitter: any moment up to the limit is as likely as
// any other, so that thousands of pages that lost one server do not come back in one wave.
// It must never wait by itself: it only says how long.

export function fullJitter(attempt, firstMs, mostMs) {
  return Math.random() * Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 20));
}

// The same moment for nobody, but close to what was asked for: for things done again and again.
export function about(ms) {
  return ms * (0.8 + 0.4 * Math.random());
}
