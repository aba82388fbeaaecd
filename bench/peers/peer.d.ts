/**
 * One way to move items between processes. Every file in this folder exports one as `peer`, under its own name; it must load
 * without the packages that it needs, so import those inside the functions. A workload runs with every peer that has its part.
 */
export interface Peer {
  /** Packages of `bench/package.json` that must be installed. */
  readonly packages: readonly string[]
  /** How it is set up, for whoever reads the table. */
  readonly setup: string
  /** Why it cannot run here, with the one command that helps; nothing where it can. @default it can */
  missing?(): Promise<string | undefined>
  readonly distribute?: Distribute
  readonly requests?: Requests
}

/** Work for whichever worker, and its results back. */
export interface Distribute {
  /** Listens on loopback, at a port that the system chooses. */
  producer(): Promise<Producer>
  /** Connects, and works on one item at a time until the producer is gone. */
  worker(address: string, work: (item: Uint8Array) => Promise<Uint8Array>): Promise<void>
}

export interface Producer {
  readonly address: string
  /** Resolves when that many workers are connected and get their share. */
  connected(workers: number): Promise<void>
  /** Resolves when the next item may follow: the peer's own back-pressure, whatever it is. */
  put(item: Uint8Array): Promise<void>
  /** Results as they come, repeats included. */
  results(): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/** Questions and their answers. The side that asks is the one that listens, as a server asks its workers. */
export interface Requests {
  asker(): Promise<Asker>
  /** Connects, and answers until the asker is gone. */
  answerer(address: string, answer: (question: Uint8Array) => Uint8Array): Promise<void>
}

export interface Asker {
  readonly address: string
  connected(answerers: number): Promise<void>
  ask(question: Uint8Array): Promise<Uint8Array>
  /** Codes of what this side refused so far, with how often. */
  refusals(): Record<string, number>
  close(): Promise<void>
}
