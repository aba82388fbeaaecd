/** Names and values that travel beside a payload; `null`: the name has no value. */
export type Headers = Readonly<Record<string, string | null>>
