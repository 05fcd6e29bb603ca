// Two soft notes, made on the spot: no file to fetch, no codec to miss.
// It must never be loud, nor insist: a browser that has not been touched yet plays nothing.

const NOTES_HZ = [660, 880];
const NOTE_SECONDS = 0.14;
const FADE_SECONDS = 0.22;
const LOUDNESS = 0.12;

let context = null;

export async function playTone() {
  if (!("AudioContext" in window)) return false;
  context ??= new AudioContext();
  if (context.state !== "running") {
    // Waits for ever where the page was never touched, so nobody waits for it.
    context.resume().catch(() => {});
    if (!navigator.userActivation?.hasBeenActive) return false;
  }
  NOTES_HZ.forEach((pitch, index) => {
    const begin = context.currentTime + index * NOTE_SECONDS;
    const note = new OscillatorNode(context, { type: "sine", frequency: pitch });
    const loudness = new GainNode(context, { gain: 0 });
    loudness.gain.setValueAtTime(0, begin);
    loudness.gain.linearRampToValueAtTime(LOUDNESS, begin + 0.015);
    loudness.gain.exponentialRampToValueAtTime(0.0001, begin + FADE_SECONDS);
    note.connect(loudness).connect(context.destination);
    note.start(begin);
    note.stop(begin + FADE_SECONDS);
  });
  return true;
}
