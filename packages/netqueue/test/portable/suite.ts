import type { Client, ClientOptions } from '../../src/index.ts'
import type { TestFunctions } from '../../src/conformance/index.ts'
import { itemCases } from './items.ts'
import { lifeCases } from './life.ts'
import { messagesOf } from './library.ts'
import type { App, Library } from './library.ts'
import { talkCases } from './talk.ts'

type Options = ClientOptions<unknown, unknown, App>

export interface PortableSuite {
  /** What is tested, and over what. */
  name: string
  describe: TestFunctions['describe']
  test: (name: string, run: () => Promise<void>) => unknown
  netqueue: Library
  /** Where the counterpart listens; asked when the first test begins. */
  address: () => string | Promise<string>
  options?: Omit<Options, 'messages'>
}

/** A client for one test, of a name of its own. */
export type Portable = Client<unknown, unknown, App>

/** What a test gets: calls that make clients, all of which are closed behind it. */
export interface Place {
  connect: (options?: Options) => Promise<Portable>
}

/** A test, by its title. */
export type PortableCases = Readonly<Record<string, (place: Place) => Promise<void>>>

/** Gives the tests to a runner. */
export function portableSuite({ name, describe, test, netqueue, address, options }: PortableSuite): void {
  const messages = messagesOf(netqueue)
  const open = async (more: Options = {}): Promise<Portable> =>
    netqueue.connect<unknown, unknown, App>(await address(), { ...options, ...more, messages })
  const cases: PortableCases = { ...itemCases, ...talkCases, ...lifeCases }
  describe(name, () => {
    for (const [title, run] of Object.entries(cases)) test(title, () => runWith(open, run))
  })
}

async function runWith(
  open: (options?: Options) => Promise<Portable>,
  run: (place: Place) => Promise<void>,
): Promise<void> {
  const clients: Portable[] = []
  const connect = async (options?: Options): Promise<Portable> => {
    const client = await open(options)
    clients.push(client)
    return client
  }
  try {
    await run({ connect })
  } finally {
    await Promise.all(clients.map((client) => client.close({ timeout: 0 })))
  }
}
