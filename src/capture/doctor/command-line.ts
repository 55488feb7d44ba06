/** The value of an option of a command line, in either form: `--name value`, `--name=value`. */
export function findOption(argv: readonly string[], names: readonly string[]): string | undefined {
  for (const [index, argument] of argv.entries()) {
    if (names.includes(argument)) return argv[index + 1];
    const name = names.find((candidate) => argument.startsWith(`${candidate}=`));
    if (name !== undefined) return argument.slice(name.length + 1);
  }
  return undefined;
}
