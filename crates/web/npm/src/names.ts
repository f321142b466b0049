// Which of the files that somebody gave is what a recipe calls by a name.

const ARCHIVE = /\.(tar\.gz|tgz|tar|zip)$/i;

/** Where the pictures are: in an archive, or in the loose files below a folder ("" is all of them). */
export type Place = { archive: string } | { folder: string };

export const isArchive = (path: string): boolean => ARCHIVE.test(path);
export const base = (path: string): string => path.split(/[/\\]/).pop() ?? path;
// Browsers unpack the gzip of some downloads, so that the same archive ends in another way.
const stem = (name: string): string => base(name).replace(ARCHIVE, '');

/** Hidden files, and what file managers leave behind. */
export function isLitter(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') || /^(thumbs\.db|desktop\.ini|__macosx)$/i.test(part));
}

/** Where `name` is; null where it is not. "." is whatever was given: loose files, or else the one archive. */
export function find(paths: string[], name: string): Place | null {
  const archives = paths.filter(isArchive);
  if (name === '.') {
    if (paths.some((path) => !isArchive(path) && !isLitter(path))) return { folder: '' };
    return archives.length === 1 ? { archive: archives[0] as string } : null;
  }
  const archive = archives.find((path) => base(path) === base(name)) ?? archives.find((path) => stem(path) === stem(name));
  if (archive !== undefined) return { archive };
  for (const path of paths) {
    const parts = path.split('/');
    const at = parts.slice(0, -1).indexOf(stem(name));
    if (at >= 0) return { folder: parts.slice(0, at + 1).join('/') };
  }
  return null;
}

const CIFAR_BINARY = ['cifar-10-binary.tar.gz', 'cifar-10-batches-bin'];
const CIFAR_PICTURES = ['cifar10-train.tar.gz', 'cifar10-test.tar.gz'];
const CIFAR_FILES = [...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`), 'test_batch.bin'];

/** CIFAR-10's binary files: loose, or in the archive of them. */
export function findCifar(paths: string[]): Place | null {
  const loose = paths.map(base);
  if (CIFAR_FILES.every((file) => loose.includes(file))) return { folder: '' };
  return find(paths, CIFAR_BINARY[0] as string) ?? find(paths, CIFAR_BINARY[1] as string);
}

/** Whether a recipe on pictures has a use for a file. */
export function accepts(source: string, files: string[], path: string): boolean {
  const names = source === 'cifar10' ? [...CIFAR_BINARY, ...CIFAR_PICTURES] : files;
  return names.some((name) => find([path], name) !== null) || (source === 'cifar10' && [...CIFAR_FILES, 'batches.meta.txt'].includes(base(path)));
}

/** Names of what a recipe on pictures still lacks. */
export function lacking(source: string, files: string[], paths: string[]): string[] {
  if (source !== 'cifar10') return files.filter((name) => find(paths, name) === null);
  if (findCifar(paths)) return [];
  const missing = CIFAR_PICTURES.filter((name) => find(paths, name) === null);
  // Who has one of the two has chosen the pictures.
  return missing.length === 1 ? missing : missing.length === 0 ? [] : files;
}
