// Files with their paths, from a chooser or a drop, folders included.

import type { Given } from './protocol';

// Files that a chooser gives; those of a chosen folder have a path.
export function chosen(files: FileList | null): Given[] {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

export async function dropped(transfer: DataTransfer | null): Promise<Given[]> {
  // Both must be asked for at once: afterwards the drop is over.
  const items = [...(transfer?.items ?? [])].filter((item) => item.kind === 'file');
  const all = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const out: Given[] = [];
  for (const { entry, file } of all) {
    if (entry?.isDirectory) await walk(entry as FileSystemDirectoryEntry, out);
    else if (file) out.push({ path: file.name, file });
  }
  return out;
}

async function walk(folder: FileSystemDirectoryEntry, out: Given[]): Promise<void> {
  const reader = folder.createReader();
  for (;;) {
    // A hundred at a time, until there are none.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry, out);
      else out.push({ path: entry.fullPath.replace(/^\//, ''), file: await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)) });
    }
  }
}
