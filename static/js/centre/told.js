// How far this browser has told a person elsewhere than on a page, so that of all its tabs and
// windows one tells an event. It must never give the same event to two that ask at the same moment.
//
// In IndexedDB, because tabs live in different processes: what one writes to localStorage reaches
// another late, under a lock too.

const DATABASE = "notifier";
const STORE = "told";

export class Told {
  #personId;

  constructor(personId) {
    this.#personId = personId;
  }

  // Those that nobody has claimed before, in their order. Rejects when the browser stores nothing.
  async claim(all) {
    const database = await opened();
    try {
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(STORE, "readwrite");
        const store = transaction.objectStore(STORE);
        const read = store.get(this.#personId);
        let news = [];
        read.onsuccess = () => {
          news = all.filter((one) => isAfter(one, read.result));
          const last = news.at(-1);
          if (last) store.put([last.timestamp, last.sequence], this.#personId);
        };
        transaction.oncomplete = () => resolve(news);
        transaction.onabort = () => reject(transaction.error);
      });
    } finally {
      // An open one would keep the page out of the back-forward cache.
      database.close();
    }
  }
}

// Time comes first: a database of the server that begins anew counts from 1.
function isAfter(one, [at, sequence] = [0, 0]) {
  return one.timestamp > at || (one.timestamp === at && one.sequence > sequence);
}

function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(DATABASE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}
