import { Processes } from './processes.ts'
import type { Process } from './processes.ts'

/** For scripts of processes: what neighbours ask. */
export const MESSAGES = `
  const messages = netqueue.defineMessages({ 'app:ask': { payload: netqueue.type(), reply: netqueue.type() } })
`

/** Its clients ask one question after the other. Says, each time that it is told to, what that took since it was told so last. */
const SCRIPT = `
  ${MESSAGES}
  const [address] = process.argv.slice(2)
  let took = []
  let losses = 0
  const ask = async (client) => {
    for (;;) {
      const began = performance.now()
      await client.request('app:ask', 'x')
      took.push(performance.now() - began)
      await new Promise((resolve) => setTimeout(resolve, 5 + 10 * Math.random()))
    }
  }
  const options = { messages, tags: ['neighbour'], wait: true, reconnect: { minDelayMs: 10, maxDelayMs: 20 } }
  const clients = await Promise.all(Array.from({ length: 20 }, () => netqueue.connect(address, options)))
  for (const client of clients) {
    client.on('disconnect', () => (losses += 1))
    void ask(client)
  }
  process.on('SIGUSR2', () => {
    say({ took, losses })
    took = []
  })
  say('here')
`

interface Heard {
  took: number[]
  losses: number
}

/** Twenty clients of a server that go on asking, in a process of their own, while others make trouble. */
export class Neighbours implements AsyncDisposable {
  readonly #processes: Processes
  readonly #process: Process

  private constructor(processes: Processes, address: string) {
    this.#processes = processes
    this.#process = processes.start({ args: [address] })
  }

  /** They wait for a server that does not listen yet. */
  static async of(address: string): Promise<Neighbours> {
    return new Neighbours(await Processes.of(SCRIPT), address)
  }

  /** All of them are connected. */
  async here(): Promise<void> {
    await this.#process.next()
  }

  /** The milliseconds of their requests since the last time. Throws where one has lost its connection. */
  async heard(): Promise<number[]> {
    this.#process.signal('SIGUSR2')
    const { took, losses } = (await this.#process.next()) as Heard
    if (losses > 0) throw new Error(`${losses} of the neighbours lost their connections`)
    return took
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes[Symbol.asyncDispose]()
  }
}

/** What they noticed, for people. */
export function compared(quiet: readonly number[], stormy: readonly number[]): string {
  const [usual, then] = [p(0.99, quiet), p(0.99, stormy)]
  return [
    `requests of 20 others: p99 ${ms(usual)} beside nobody, ${ms(then)} until all were back, ${(then / usual).toFixed(2)} times as long`,
    `p50 ${ms(p(0.5, quiet))} and ${ms(p(0.5, stormy))}, worst ${ms(p(1, quiet))} and ${ms(p(1, stormy))}, of ${quiet.length} and ${stormy.length} requests`,
  ].join('\n')
}

function p(part: number, all: readonly number[]): number {
  return all.toSorted((one, other) => one - other)[Math.floor(part * (all.length - 1))] as number
}

const ms = (value: number): string => `${value.toFixed(2)} ms`
