import { SingleBar } from 'cli-progress'
import type { Digest } from './digest.ts'
import { countText, megabytesText } from './units.ts'

/** What the line needs besides the bar. */
const TEXT_COLUMNS = 60

/** A bar on a terminal; elsewhere a line every two seconds. */
export class Progress {
  readonly #bar: SingleBar
  #bytes = 0

  constructor(title: string, total: number) {
    const { columns = 80, isTTY = false } = process.stdout
    this.#bar = new SingleBar({
      stream: process.stdout,
      format: `${title} {bar} {percentage} %  {value} of {total} files, {megabytes} MB`,
      formatValue: (value, _options, type) => (type === 'percentage' ? String(value).padStart(3) : countText(value)),
      barsize: Math.max(8, Math.min(60, columns - TEXT_COLUMNS)),
      barCompleteChar: '█',
      barIncompleteChar: '░',
      noTTYOutput: true,
      notTTYSchedule: 2_000,
      // A line that stays on a terminal ends with a line break; elsewhere it has one already.
      clearOnComplete: !isTTY,
      forceRedraw: true,
      hideCursor: true,
    })
    this.#bar.start(total, 0, { megabytes: megabytesText(0) })
  }

  add(digest: Digest): void {
    if ('bytes' in digest) this.#bytes += digest.bytes
    this.#bar.increment(1, { megabytes: megabytesText(this.#bytes) })
  }

  /** Writes a line above the bar, which the next redraw puts back. */
  say(line: string): void {
    process.stdout.write(process.stdout.isTTY ? `\r\u001B[K${line}\n` : `${line}\n`)
  }

  stop(): void {
    this.#bar.stop()
  }
}
