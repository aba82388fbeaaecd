import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'

/** The IP addresses of a network interface of this machine, such as `eth0`; none where there is no such interface now. IPv4 comes first. */
function addressesOf(name: string): readonly string[] {
  const found = networkInterfaces()[name] ?? []
  const addresses = found.map(({ address, scopeid = 0 }) => (scopeid === 0 ? address : `${address}%${name}`))
  return addresses.toSorted((a, b) => isIP(a) - isIP(b))
}

/** The host to listen at: an interface stands for its first address; every other host for itself. */
export function boundHost(host: string): string {
  if (host === '' || isIP(host) !== 0) return host
  return addressesOf(host)[0] ?? host
}

/** Each of several IP addresses with the address to connect there from; those that cannot be reached from there are left out. */
export function reachedFrom(places: readonly string[], local: string): { host: string; localAddress: string }[] {
  const own = isIP(local) === 0 ? addressesOf(local) : [local]
  return places.flatMap((host) => {
    const localAddress = own.find((address) => isIP(address) === isIP(host))
    return localAddress === undefined ? [] : [{ host, localAddress }]
  })
}
