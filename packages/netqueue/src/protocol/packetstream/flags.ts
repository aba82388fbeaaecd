import { headersOf } from '../../message/headers.ts'
import type { Headers } from '../../message/headers.ts'
import { MAX_FLAGS } from './frame.ts'

/** The one header that travels: a number, as decimal digits. */
const NAME = 'flags'
const DIGITS = /^\d{1,16}$/

/** The flags that headers stand for. */
export function flagsOf(headers: Headers | undefined): number {
  return Number(headers?.[NAME] ?? 0)
}

/** What is wrong with a header; `undefined` where it fits into flags. */
export function flagsFault(name: string, value: string | null): string | undefined {
  if (name !== NAME) return `a name but "${NAME}"`
  if (value === null || !DIGITS.test(value) || Number(value) > MAX_FLAGS)
    return `flags but an integer from 0 to ${MAX_FLAGS}`
  return undefined
}

/** Headers of what came with flags; none where they are 0. */
export function headersOfFlags(flags: number): Headers | undefined {
  return flags === 0 ? undefined : headersOf([[NAME, String(flags)]])
}
