/**
 * One way to move items between processes. Every file in this folder exports one as `peer`, under its own name; it must load
 * without the packages that it needs, so import those inside the functions. A workload runs with every peer that has its part.
 *
 * Every part follows its peer's documentation, in the way that is fastest there and loses nothing while all goes well. Where the
 * peer has no back-pressure of its own, the part keeps a window, and `setup` says so.
 */
export interface Peer {
  /** Packages of `bench/package.json` that must be installed. */
  readonly packages: readonly string[]
  /** How it is set up, for whoever reads the table. */
  readonly setup: string
  /**
   * Goals are set against products as their documentation shows them. `limit` is what the machine can do, `variant` another way to use
   * a product, `ours` netqueue.
   * @default 'peer'
   */
  readonly kind?: 'ours' | 'limit' | 'variant' | 'peer'
  /** Why it cannot run here, with the one command that helps; nothing where it can. @default it can */
  missing?(): Promise<string | undefined>
  /** Starts the server that stands between the processes; it holds nothing from before, and is started anew for each round. @default there is none */
  broker?(): Promise<Broker>
  readonly stream?: Stream
  /** The same with objects, which it encodes and decodes as its users do. */
  readonly objects?: Stream<Reading>
  readonly work?: Work
  readonly requests?: Requests
  /** For those who read netqueue's frames, or as long a length before each message, and count what they refuse. */
  readonly guarded?: Guarded
  readonly distribute?: Distribute
  readonly idle?: Idle
  readonly fanOut?: FanOut
  readonly streams?: Streams
  readonly handOff?: HandOff
  /** For those who can stand between a server and a client of netqueue. */
  readonly relay?: Hop
}

/** A process that is not of this bench. */
export interface Broker {
  /** What the parts get as `setting.broker`. */
  readonly url: string
  /** Its processes, whose CPU time counts. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** What a part may want to know. */
export interface Setting {
  /** Where the broker is; empty without one. */
  readonly broker: string
  /** Bytes of a payload; 0 where they are objects. */
  readonly bytes: number
  /** netqueue's option of that name, to compare with its default. @default 0, which leaves it to netqueue */
  readonly prefetch: number
}

/** A small object, as programs send them to each other. */
export interface Reading {
  readonly id: number
  readonly name: string
  readonly values: readonly number[]
}

/** Called for each item, as it comes. It throws for an item that is not what was sent, and the round fails then. */
export interface Took<Item = Uint8Array> {
  (item: Item): void
  /** For items that another process took, in another language, and that it has checked itself: so many more have come. */
  many(count: number): void
}

/** What is sent: the same few payloads over and over. */
export interface Payloads<Item = Uint8Array> {
  /** All that differ, in their order; never changed. */
  readonly cycle: readonly Item[]
  /** The next one; nothing when time is up. */
  next(): Item | undefined
  /** For those who send several whole cycles at once: counts them as taken, and tells whether they are wanted. */
  takeCycles(count: number): boolean
  /** For those who let another process send, in another language: milliseconds that are left, and so many whole cycles were sent. */
  readonly msLeft: number
  sentCycles(count: number): void
}

/** The side that listens. Nobody closes it: its process ends after a round. */
export interface Side {
  readonly address: string
  /** Resolves when that many are connected, and get their share. */
  connected(count: number): Promise<void>
}

/** Items in one direction, as fast as they go, in their order. */
export interface Stream<Item = Uint8Array> {
  /**
   * Takes what the sender sends, and calls `took` for each item, from wherever the peer gives items to its users: a loop, a listener.
   * Resolves with the address.
   */
  receiver(took: Took<Item>, setting: Setting): Promise<string>
  /** Sends all payloads, with the peer's back-pressure; resolves when all are on their way. */
  sender(address: string, payloads: Payloads<Item>, setting: Setting): Promise<void>
}

/** Items to several workers, each settled by the one who did it. */
export interface Work {
  producer(setting: Setting): Promise<WorkProducer>
  /** Connects, and works until the producer is gone; `did` is called for each item before it is settled. */
  worker(address: string, did: Took, setting: Setting): Promise<void>
  /** Connects with room for as many items as a worker may have, takes one, and neither settles it nor reads on. @default there is none */
  staller?(address: string, setting: Setting): Promise<void>
}

export interface WorkProducer extends Side {
  /** Hands out all payloads; resolves when every one of them is settled. Called again after that, for another run with the same workers. */
  run(payloads: Payloads): Promise<void>
  /** Items that workers were given and did not settle. @default it is not known */
  unsettled?(): number
}

/** Questions and their answers. The side that asks is the one that listens, as a server asks its workers. */
export interface Requests {
  asker(setting: Setting): Promise<Asker>
  /** Connects, and answers until the asker is gone. */
  answerer(address: string, answer: (question: Uint8Array) => Uint8Array, setting: Setting): Promise<void>
}

export interface Asker extends Side {
  /** Many may be open at once. */
  ask(question: Uint8Array): Promise<Uint8Array>
  /** For a side that another process plays, in another language: asks it to keep so many questions open for so long. @default `ask` is called */
  askMany?(options: { questions: readonly Uint8Array[]; inFlight: number; ms: number }): Promise<Asked>
}

/** What came of many questions. */
export interface Asked {
  readonly answers: number
  readonly ms: number
  /** From each question to its answer, in microseconds; only for one question in flight, else empty. */
  readonly micros: Float64Array
}

export interface Guarded {
  asker(): Promise<
    Asker & { /** Codes of what this side refused so far, with how often. */ refusals(): Record<string, number> }
  >
  answerer(address: string, answer: (question: Uint8Array) => Uint8Array): Promise<void>
}

/** Work for whichever worker, and its results back. */
export interface Distribute {
  /** Listens on loopback, at a port that the system chooses. */
  producer(): Promise<Producer>
  /** Connects, and works on one item at a time until the producer is gone. */
  worker(address: string, work: (item: Uint8Array) => Promise<Uint8Array>): Promise<void>
}

export interface Producer extends Side {
  /** Resolves when the next item may follow: the peer's own back-pressure, whatever it is. */
  put(item: Uint8Array): Promise<void>
  /** Results as they come, repeats included. */
  results(): AsyncIterable<Uint8Array>
}

/** Connections that do nothing. */
export interface Idle {
  server(setting: Setting): Promise<Side>
  /** Resolves when the connection stands; it stays for as long as the process. */
  client(address: string, setting: Setting): Promise<void>
}

/** Each message to all who are connected. */
export interface FanOut {
  announcer(setting: Setting): Promise<Announcer>
  /** Connects, and calls `took` for each message that is sent after `connected` has counted it; stays for as long as the process. */
  listener(address: string, took: (message: Uint8Array) => void, setting: Setting): Promise<void>
}

export interface Announcer extends Side {
  /**
   * Sends a message to all; resolves when the next one may follow, with how many of them it passed over because they had no room.
   * The message is not changed afterwards.
   */
  announce(message: Uint8Array): Promise<number>
}

/** Answers of many chunks, and small questions beside them. The side that asks is the one that connects. */
export interface Streams {
  /** Listens; streams as many chunks as it is asked for, the same few over and over, and answers questions meanwhile. Resolves with the address. */
  source(options: {
    chunks: readonly Uint8Array[]
    answer: (question: Uint8Array) => Promise<Uint8Array>
  }): Promise<string>
  reader(address: string): Promise<StreamReader>
}

export interface StreamReader {
  /** Asks for so many chunks, and resolves when all came; `took` is called for each, and no further one is read before what it gives has resolved. */
  read(count: number, took: (chunk: Uint8Array) => void | Promise<void>): Promise<void>
  /** On the same connection, where the peer can. */
  ask(question: Uint8Array): Promise<Uint8Array>
}

/** From one asynchronous function to another in the same process. */
export interface HandOff {
  /** Hands over the numbers from 0 up to, not including, `count`, and has all taken when it resolves; the producer is held back at a window of 256. */
  run(count: number, took: (item: number) => void): Promise<void>
}

/** A node in between. */
export interface Hop {
  /** Connects to whoever is above; resolves with the address for whoever is below. Passes on what is said, until its process ends. */
  hop(address: string): Promise<string>
}
