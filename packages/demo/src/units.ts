const counts = new Intl.NumberFormat('en')
const decimals = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

/** `12,345` */
export function countText(count: number): string {
  return counts.format(count)
}

/** `6,789.0`, in megabytes. */
export function megabytesText(bytes: number): string {
  return decimals.format(bytes / 1_000_000)
}

/** `4 files`, `1 file` */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`
}

/** `"a", "b\n" and 3 more`: names of files may hold anything, and there may be many. */
export function namesText(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => JSON.stringify(name))
  const more = names.length - shown.length
  return `${shown.join(', ')}${more > 0 ? ` and ${countText(more)} more` : ''}`
}
