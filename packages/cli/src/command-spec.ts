/**
 * The description of a command. Its help, the shells' completions and the man page are generated
 * from it, and its arguments are parsed by it, so that none of them can say something else.
 *
 * @module
 */

/** What a shell offers in place of a value. */
export type Completion = 'file' | 'directory' | 'none' | readonly string[];

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  /** Whether it may be given more than once. */
  readonly multiple?: boolean;
  /** What its value is called in help texts, such as `FILE`; only for strings. */
  readonly value?: string;
  /** One sentence without a full stop. Wrapped where it is shown. */
  readonly summary: string;
  /** `none` by default. */
  readonly complete?: Completion;
  /** Heading under which it is shown; options without one come first, without heading. */
  readonly group?: string;
}

interface PositionalSpec {
  /** As shown in help texts, such as `url` or `ls | show | rm`. */
  readonly name: string;
  readonly complete?: Completion;
}

export interface ExampleSpec {
  readonly command: string;
  /** Shown behind it in brackets. */
  readonly note?: string;
}

/** The options of a command, by name without `--`. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface CommandSpec<O extends OptionSpecs = OptionSpecs> {
  readonly name: string;
  /** What follows the command's name, such as `<url> [options]`. */
  readonly usage: string;
  /** One line for `vitrine --help`, without a full stop. */
  readonly summary: string;
  /** One sentence or a few, for the head of the help text. */
  readonly description: string;
  readonly positionals: readonly PositionalSpec[];
  /** At least one. */
  readonly examples: readonly [ExampleSpec, ...ExampleSpec[]];
  readonly options: O;
  /** Paragraphs after the options. */
  readonly notes?: readonly string[];
  /** By exit code: when this command ends with it. */
  readonly exitCodes: Readonly<Record<number, string>>;
}

/** Who needs a command; the headings of `vitrine --help`. */
type Audience = 'Use a server' | 'Host a server' | 'Look closer';

/** A row of the table of commands. */
export interface CommandRow {
  readonly spec: CommandSpec;
  readonly audience: Audience;
  /** Loads the code: arguments after the command's name in, exit code out. Errors are thrown. */
  /** @param keydProgram - For `run`: the program of the key service, where it is not the one of this package. */
  readonly load: () => Promise<(args: readonly string[], keydProgram?: string) => Promise<number>>;
}
