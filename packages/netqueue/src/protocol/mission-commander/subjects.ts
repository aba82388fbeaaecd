/** What messages are called on the wire: as they are here, but for those that were given other subjects. */
export class Subjects {
  readonly #given: ReadonlyMap<string, string>
  readonly #names: ReadonlyMap<string, string>

  /** Throws a `TypeError` for what are no subjects. */
  constructor(given: Readonly<Record<string, string>> = {}) {
    const entries = Object.entries(given)
    const stranger = entries.find(([, subject]) => typeof subject !== 'string')
    if (stranger !== undefined)
      throw new TypeError(
        `Expected \`subjects\` to hold strings, got ${typeof stranger[1]} for ${JSON.stringify(stranger[0])}`,
      )
    this.#given = new Map(entries)
    this.#names = new Map(entries.map(([name, subject]) => [subject, name]))
  }

  /** The names of messages that were given subjects. */
  get given(): Iterable<string> {
    return this.#given.keys()
  }

  subjectOf(name: string): string {
    return this.#given.get(name) ?? name
  }

  /** `undefined` for a subject that no message can have. */
  nameOf(subject: string): string | undefined {
    return this.#names.get(subject) ?? (this.#given.has(subject) ? undefined : subject)
  }
}
