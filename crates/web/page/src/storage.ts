// The browser's storage (IndexedDB), for the worker: models that were kept, and the data files.

import type { Kept } from './protocol';

export interface Record extends Kept {
  content: Uint8Array;
}

const MODELS = 'models';
const FILES = 'files';

let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('wgrad', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(MODELS, { keyPath: 'id' });
      request.result.createObjectStore(FILES);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(words(request.error));
    request.onblocked = () => reject(new Error('another tab holds an older version of the storage; close it'));
  });
  // A later call tries again.
  opened.catch(() => (opened = null));
  return opened;
}

function words(error: DOMException | null): Error {
  if (error?.name === 'QuotaExceededError') {
    return new Error('the browser gives this page no more room; delete a model that is kept');
  }
  return new Error(error?.message ?? 'the browser gave no reason');
}

async function run<T>(store: string, mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await database();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(store, mode);
    const request = ask(transaction.objectStore(store));
    // Not before the transaction is complete: a page that is closed then has it.
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(words(transaction.error));
  });
}

export async function put(record: Record): Promise<void> {
  await run(MODELS, 'readwrite', (store) => store.put(record));
}

export async function get(id: string): Promise<Record | undefined> {
  return run<Record | undefined>(MODELS, 'readonly', (store) => store.get(id));
}

export async function remove(id: string): Promise<void> {
  await run(MODELS, 'readwrite', (store) => store.delete(id));
}

export async function list(): Promise<Kept[]> {
  const all = await run<Record[]>(MODELS, 'readonly', (store) => store.getAll());
  return all.map(({ content: _, ...kept }) => kept).sort((a, b) => b.date - a.date);
}

export async function putFiles(files: Map<string, Uint8Array>): Promise<void> {
  await run(FILES, 'readwrite', (store) => store.put(files, 'data'));
}

export async function getFiles(): Promise<Map<string, Uint8Array>> {
  return (await run<Map<string, Uint8Array> | undefined>(FILES, 'readonly', (store) => store.get('data'))) ?? new Map();
}

export async function removeFiles(): Promise<void> {
  await run(FILES, 'readwrite', (store) => store.clear());
}
