// @ts-check
// Options that several workloads have.

export const MEASURED_MS = { default: 1_000, help: 'milliseconds that are measured, after a warm-up' }
export const PREFETCH = { default: 0, help: 'prefetch of netqueue, 0 for its default' }
