/** What is known of many measurements. */
interface Moments {
  mean: number
  /** The variance of the mean. */
  spread: number
}

function momentsOf(samples: readonly number[]): Moments {
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length
  const squares = samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0)
  return { mean, spread: squares / (samples.length - 1) / samples.length }
}

/** Welch's t: how many of their common standard deviations two means lie apart. */
export function welchT(one: readonly number[], other: readonly number[]): number {
  const [here, there] = [momentsOf(one), momentsOf(other)]
  const spread = Math.sqrt(here.spread + there.spread)
  return spread === 0 ? 0 : (here.mean - there.mean) / spread
}

/** Leaves out the slowest of all, which tell of the machine and not of what was measured, with one bound for both. */
export function cropped(one: readonly number[], other: readonly number[], share: number): [number[], number[]] {
  const sorted = [...one, ...other].toSorted((a, b) => a - b)
  const bound = sorted[Math.floor(sorted.length * (1 - share))] ?? Number.POSITIVE_INFINITY
  return [one.filter((sample) => sample < bound), other.filter((sample) => sample < bound)]
}
