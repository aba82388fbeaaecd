import { readFileSync } from 'node:fs'
import { register } from 'node:module'
import { MUTANTS } from './mutant-list.ts'
import type { Mutant } from './mutant-list.ts'

export function findMutant(name: string): Mutant | undefined {
  return MUTANTS.find((mutant) => mutant.name === name)
}

/** Has the library loaded with the bug in it; it must not be loaded yet. Throws where the place is not found exactly once. */
export function plant(name: string): void {
  const mutant = findMutant(name)
  if (mutant === undefined) throw new RangeError(`Expected a mutant, got ${JSON.stringify(name)}`)
  const url = new URL(mutant.file, import.meta.resolve('netqueue'))
  mutate(mutant, readFileSync(url, 'utf8'))
  register('./mutant-hook.js', import.meta.url, { data: { ...mutant, url: url.href } })
}

/** The text with the bug in it. */
export function mutate({ name, find, replace }: Mutant, text: string): string {
  const places = text.split(find).length - 1
  if (places !== 1) throw new Error(`The mutant ${name} cannot be planted: its place was found ${places} times`)
  return text.replace(find, () => replace)
}
