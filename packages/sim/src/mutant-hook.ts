import type { LoadHook } from 'node:module'

interface Planted {
  url: string
  find: string
  replace: string
}

let planted: Planted | undefined

/** Runs in the thread of the loader, with what `register` was given. */
export function initialize(mutant: Planted): void {
  planted = mutant
}

/** Puts the bug into its file when that is loaded. */
export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context)
  if (planted === undefined || url !== planted.url) return loaded
  const { find, replace } = planted
  const source = Buffer.from(loaded.source as Uint8Array).toString()
  return { ...loaded, source: source.replace(find, () => replace) }
}
