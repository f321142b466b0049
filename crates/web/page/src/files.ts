// Names of data files.

// The name without its folder and .gz, in the spelling of the originals: some mirrors write a dot before `idx`.
export function canonical(name: string): string {
  const base = name.split(/[/\\]/).pop() ?? name;
  return base.replace(/\.gz$/i, '').replace(/\.(idx[13]-ubyte)$/i, '-$1');
}

export function missing(wanted: string[], have: string[]): string[] {
  return wanted.filter((name) => !have.includes(canonical(name)));
}
