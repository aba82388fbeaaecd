import { ACTIONS, denialsOf, ITEMS } from '../../message/denials.ts'
import type { Action, Denials } from '../../message/denials.ts'
import type { Announced } from '../../message/registry.ts'
import { badMessage } from '../failures.ts'

/** Stands for items where the ids of messages do. */
const ITEMS_ID = 0

/** By action, the ids of what is denied, as the server calls its messages. Short, so that hundreds fit. */
export function encodeDenials(
  denials: Denials,
  idOf: (name: string) => number | undefined,
): Partial<Record<Action, number[]>> {
  const idsOf = (names: ReadonlySet<string>): number[] =>
    Array.from(names, (name) => (name === ITEMS ? ITEMS_ID : (idOf(name) as number)))
  return Object.fromEntries(Array.from(denials, ([action, names]) => [action, idsOf(names)]))
}

/** Throws `BAD_MESSAGE`. Actions that we do not know are left alone: room to grow. */
export function decodeDenials(value: unknown, messages: ReadonlyMap<string, Announced>): Denials | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badMessage('a WELCOME whose you.denied is no object')
  const names = new Map<unknown, string>([[ITEMS_ID, ITEMS]])
  for (const [name, { id }] of messages) names.set(id, name)
  const denied = value as Partial<Record<Action, unknown>>
  return denialsOf(
    ACTIONS.flatMap((action) => namesOf(denied[action], names).map((name): [Action, string] => [action, name])),
  )
}

function namesOf(ids: unknown, names: ReadonlyMap<unknown, string>): string[] {
  if (ids === undefined) return []
  const found = Array.isArray(ids) ? ids.map((id) => names.get(id)) : [undefined]
  if (found.every((name) => name !== undefined)) return found
  throw badMessage('a WELCOME whose you.denied has something else than ids of its messages')
}
