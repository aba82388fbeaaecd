import type { ByteDuplex } from './index.ts'

/** Addresses that no other machine has a part in, by their schemes. */
const LOCAL = /^(?:memory|stdio|unix):/
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|localhost)$/
const IPV6_GROUPS = 8
/** One line of a provider has as many IPv6 addresses as it likes, all with the same first four groups. */
const ORIGIN_GROUPS = 4

/** Whether nobody on the way reads what is sent: it is encrypted, or does not leave this machine. */
export function isPrivate({ security, remoteAddress }: Pick<ByteDuplex, 'security' | 'remoteAddress'>): boolean {
  if (security?.encrypted === true) return true
  if (remoteAddress === undefined) return false
  return LOCAL.test(remoteAddress) || LOOPBACK.test(hostOf(remoteAddress) ?? '')
}

/** What the connections from one place have in common, to count them by; `undefined` where that cannot be told, or is this machine's own. */
export function originOf(remoteAddress: string | undefined): string | undefined {
  const host = remoteAddress === undefined ? undefined : hostOf(remoteAddress)
  if (host?.includes(':') !== true) return host
  return groupsOf(host).slice(0, ORIGIN_GROUPS).join(':')
}

/** Of `tcp://host:port`, and whatever else has a host behind its scheme. */
function hostOf(address: string): string | undefined {
  const [, bracketed, plain] = /^[a-z][a-z0-9+.-]*:\/\/(?:\[([^\]]*)\]|([^:/?#]*))/i.exec(address) ?? []
  return bracketed ?? plain
}

/** All eight of an IPv6 address, written out. */
function groupsOf(host: string): string[] {
  const [before = '', after] = host.replace(/%.*$/, '').toLowerCase().split('::')
  const [head, tail] = [before, after ?? ''].map((part) => part.split(':').filter((group) => group !== ''))
  const missing = after === undefined ? 0 : IPV6_GROUPS - (head?.length ?? 0) - (tail?.length ?? 0)
  return [...(head ?? []), ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...(tail ?? [])].map((group) =>
    group.replace(/^0+(?=.)/, ''),
  )
}
