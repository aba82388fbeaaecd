import type { Answer } from './job.ts'

/** What one worker did. */
export interface Share {
  files: number
  bytes: number
  /** From the beginning of the job to its last answer. */
  seconds: number
}

/** Counts the answers as they come. */
export class Tally {
  /** Files that were handed out more than once before they were answered. */
  redelivered = 0
  readonly #start: number = performance.now()
  readonly #shares: Map<string, Share> = new Map()
  readonly #milestones: Map<number, () => void> = new Map()
  #answers = 0

  get seconds(): number {
    return (performance.now() - this.#start) / 1000
  }

  add({ worker, digest, attempt }: Answer): void {
    const { files, bytes } = this.of(worker)
    const more = 'bytes' in digest ? digest.bytes : 0
    this.#shares.set(worker, { files: files + 1, bytes: bytes + more, seconds: this.seconds })
    if (attempt > 1) this.redelivered += 1
    this.#answers += 1
    this.#milestones.get(this.#answers)?.()
  }

  of(worker: string): Share {
    return this.#shares.get(worker) ?? { files: 0, bytes: 0, seconds: 0 }
  }

  /** Resolves with the answer of that number; 0 is now. */
  async reaches(answers: number): Promise<void> {
    if (this.#answers >= answers) return
    await new Promise<void>((resolve) => this.#milestones.set(answers, resolve))
  }
}
