import type { Casualty, Member } from './crew.ts'
import type { Tally } from './tally.ts'
import { countText, megabytesText, plural } from './units.ts'

const HEAD = ['worker', 'pid', 'files', 'MB', 'files/s', 'MB/s']

/** A line for each worker: what it did, and how fast until its last answer. */
export function workersTable(members: readonly Member[], tally: Tally, casualty: Casualty | undefined): string {
  const rows = members.map((member) => ({ cells: cellsOf(member, tally), note: noteOf(member, casualty) }))
  const widths = HEAD.map((title, column) =>
    Math.max(title.length, ...rows.map(({ cells }) => cells[column]?.length ?? 0)),
  )
  const line = (cells: string[], note: string): string => {
    const padded = cells.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    return [...padded, note].join('   ').trimEnd()
  }
  return [line(HEAD, ''), ...rows.map(({ cells, note }) => line(cells, note))].join('\n')
}

function cellsOf({ name, pid, isRelay }: Member, tally: Tally): string[] {
  if (isRelay) return [name, String(pid), '', '', '', '']
  const { files, bytes, seconds } = tally.of(name)
  const rate = (amount: number): number => (seconds === 0 ? 0 : amount / seconds)
  return [
    name,
    String(pid),
    countText(files),
    megabytesText(bytes),
    countText(Math.round(rate(files))),
    megabytesText(rate(bytes)),
  ]
}

function noteOf({ name, isAlive }: Member, casualty: Casualty | undefined): string {
  if (name === casualty?.name) return `killed, held ${plural(casualty.held, 'file')}`
  return isAlive ? '' : 'died by itself'
}
