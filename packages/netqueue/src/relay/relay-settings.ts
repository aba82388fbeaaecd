import type { ClientOptions } from '../client/client-options.ts'
import { randomName } from '../endpoint/random-name.ts'
import type { Env } from '../env/env.ts'
import { host } from '../env/host.ts'
import { checkFunction } from '../errors/check.ts'
import { codecFrom } from '../message/codec.ts'
import type { Codec, Shape } from '../message/codec.ts'
import type { Messages } from '../message/messages.ts'
import { limitsFrom } from '../options/limits.ts'
import type { Limits } from '../options/limits.ts'
import type { ServerOptions } from '../server/server-options.ts'
import { OF_BOTH_SIDES } from './relay-options.ts'
import type { RelayOptions } from './relay-options.ts'
import type { Stage } from './stage.ts'

/** How one side writes items and results, and the longest that it takes. */
export interface SideTraits {
  item: Codec<unknown>
  result: Codec<unknown>
  maxItemBytes: number
}

/** The options of a relay, checked, as each of its sides has them. */
export interface RelaySettings<Item, Result, M extends Messages> {
  id: string
  env: Env
  client: ClientOptions<Item, Result, M>
  server: ServerOptions<Item, Result, M>
  above: SideTraits
  below: SideTraits
  /** Whether what goes down has the length with which it came. */
  keepsLength: boolean
  down: Stage<unknown> | undefined
  up: Stage<unknown> | undefined
}

/** Throws a `TypeError` for what is no option of a relay, or not one of a side. */
export function relaySettingsFrom<Item, Result, M extends Messages>(
  options: RelayOptions<Item, Result, M>,
): RelaySettings<Item, Result, M> {
  check(options)
  const { parent: _parent, listen: _listen, down, up, client: ofClient, server: ofServer, ...shared } = options
  const { env = host, id = randomName('relay', env), tags = [], limits, ...both } = shared
  const client = { ...both, env, id, tags, ...ofClient, limits: { ...limits, ...ofClient?.limits } }
  const server = { ...both, env, id, ...ofServer, limits: { ...limits, ...ofServer?.limits } }
  const [above, below] = [traitsOf(client), traitsOf(server)]
  const stages = { down: down as Stage<unknown> | undefined, up: up as Stage<unknown> | undefined }
  const keepsLength = down === undefined && above.item.name === below.item.name
  return { id, env, client, server, above, below, keepsLength, ...stages }
}

function check(options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      `Expected the options of a relay, such as { parent: 'tcp://...', listen: 'tcp://...' }, got ${String(options)}`,
    )
  const { parent, listen, down, up, id, client = {}, server = {} } = options as RelayOptions
  if (parent === undefined)
    throw new TypeError('Expected `parent` to be an address, several, a duplex of bytes, or a function that makes one')
  if (listen !== undefined && !isAddress(listen))
    throw new TypeError(`Expected \`listen\` to be an address, or several, got \`${String(listen)}\``)
  if (down !== undefined) checkFunction('down', down)
  if (up !== undefined) checkFunction('up', up)
  if (id === '') throw new TypeError('Expected `id` to have at least one character; without it, the relay gets a name')
  for (const [side, given] of Object.entries({ client, server }))
    for (const name of OF_BOTH_SIDES)
      if ((given as Partial<Record<string, unknown>>)[name] !== undefined)
        throw new TypeError(
          `Expected \`${name}\` to be an option of the relay, got it as \`${side}.${name}\`: both sides have the same`,
        )
}

const isAddress = (value: unknown): boolean =>
  typeof value === 'string' || (Array.isArray(value) && value.every((each) => typeof each === 'string'))

interface Coded<Item, Result> {
  item?: Shape<Item>
  result?: Shape<Result>
  limits: Partial<Limits>
}

function traitsOf<Item, Result>({ item, result, limits }: Coded<Item, Result>): SideTraits {
  return {
    item: codecFrom('item', item),
    result: codecFrom('result', result),
    maxItemBytes: limitsFrom(limits).maxItemBytes,
  }
}
