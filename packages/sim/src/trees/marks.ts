import type { Place, Plan } from './plan.ts'

/** All ways from the root to a place, as the relays on them. */
function waysTo(place: Place): Place[][] {
  if (place.kind === 'root') return [[]]
  return place.parents.flatMap((parent) =>
    waysTo(parent).map((way) => (parent.kind === 'root' ? way : [...way, parent])),
  )
}

/** What stages may have written behind an item on its way to a leaf. */
export function marksDown({ has }: Plan, leaf: Place): string[] {
  return waysTo(leaf).map((way) => (has.stages ? way.map(({ name }) => `>${name}`).join('') : ''))
}

/** The same of an item on its way to the root. */
export function marksUp({ has }: Plan, leaf: Place): string[] {
  return waysTo(leaf).map((way) =>
    has.stages
      ? way
          .toReversed()
          .map(({ name }) => `<${name}`)
          .join('')
      : '',
  )
}

/** Whether stages drop an item: it is done then, without anybody who has worked on it. */
export const isDropped = ({ has }: Plan, key: string): boolean => has.dropping && /\D(7|\d*3)$/.test(key)

/** Whether the root waits for what becomes of an item. */
export const wantsResult = (key: string): boolean => /^(sub|hang|map)/.test(key)
