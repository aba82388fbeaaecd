import { SingleBar } from 'cli-progress'
import type { Digest } from './digest.ts'
import { countText, megabytesText } from './units.ts'

/** What the line needs besides the bar. */
const TEXT_COLUMNS = 60

/** A bar on a terminal; elsewhere a line every two seconds. */
export class Progress {
  readonly #bar: SingleBar
  readonly #total: number
  #files = 0
  #bytes = 0

  constructor(title: string, total: number) {
    const { isTTY, columns } = process.stdout
    this.#total = total
    this.#bar = new SingleBar({
      stream: process.stdout,
      format: `${title} {bar} {percentage} %  {value} of {total} files, {megabytes} MB`,
      formatValue: (value, _options, type) => (type === 'percentage' ? String(value).padStart(3) : countText(value)),
      barsize: isTTY ? Math.max(8, Math.min(60, columns - TEXT_COLUMNS)) : 20,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      noTTYOutput: true,
      notTTYSchedule: 2_000,
      // A line that stays on a terminal ends with a line break; elsewhere it has one already.
      clearOnComplete: !isTTY,
      hideCursor: true,
    })
    // However the process ends: the bar hides the cursor, and gives it back when it stops.
    process.once('exit', () => this.#bar.stop())
    this.#start()
  }

  add(digest: Digest): void {
    if ('bytes' in digest) this.#bytes += digest.bytes
    this.#files += 1
    this.#bar.update(this.#files, { megabytes: megabytesText(this.#bytes) })
  }

  /** Leaves the bar where it is, writes a line below it, and goes on below that. */
  say(line: string): void {
    this.#bar.stop()
    console.log(line)
    this.#start()
  }

  stop(): void {
    this.#bar.stop()
  }

  #start(): void {
    this.#bar.start(this.#total, this.#files, { megabytes: megabytesText(this.#bytes) })
  }
}
