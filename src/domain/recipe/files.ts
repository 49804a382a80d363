/** What a proposal is made of: all paths of a commit, and the texts of those that say something. */
export interface TreeFiles {
  /** From the root, with `/`. */
  readonly paths: readonly string[];
  readonly texts: Readonly<Record<string, string>>;
}

/** The files of one folder, by their names in it. */
export interface Folder {
  has(name: string): boolean;
  /** The text of a file; empty where there is none. */
  text(name: string): string;
}

export function folderOf({ paths, texts }: TreeFiles, folder: string): Folder {
  const prefix = folder === '' ? '' : `${folder}/`;
  const names = new Set(
    paths.flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : [])),
  );
  return {
    has: (name) => names.has(name),
    text: (name) => texts[prefix + name] ?? '',
  };
}

/** What one kind of project asks for, and the files that say so. */
export interface Part {
  readonly setup: string | null;
  readonly checks: readonly string[];
  readonly from: readonly string[];
}
