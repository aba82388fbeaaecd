/** The code of an error, for people and for checks: `ABORT` for a signal of the simulator's. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && error.message === 'aborted by the simulator') return 'ABORT'
  const { code, name } = error as { code?: unknown; name?: unknown }
  return String(code ?? name ?? error)
}
