import type { Entry } from '../../src/delivery/entry.ts'
import type { Candidate } from '../../src/dispatch/free-clients.ts'

/** A client that holds as many items as it is given credit for, and settles when a test says so. */
export class Worker implements Candidate<Worker> {
  readonly id: string
  readonly tags: readonly string[]
  readonly items: Entry[] = []
  /** Items that it takes in all. */
  capacity: number
  isReady = true
  isOpen = true
  isPaced = false
  /** How often it was looked at. */
  visits = 0
  canCarry: (entry: Entry) => boolean = () => true

  constructor(id: string, { capacity = 1, tags = [] as readonly string[] } = {}) {
    this.id = id
    this.capacity = capacity
    this.tags = tags
  }

  get client(): Worker {
    return this
  }

  get credit(): number {
    return this.capacity - this.items.length
  }

  get inFlight(): number {
    return this.items.length
  }

  carries(entry: Entry): boolean {
    this.visits += 1
    return this.canCarry(entry)
  }

  assign(entry: Entry): void {
    entry.state = 'queued'
    this.items.push(entry)
  }

  /** What it holds, for people. */
  get held(): string {
    return this.items.map(({ item }) => String(item)).join('')
  }
}
