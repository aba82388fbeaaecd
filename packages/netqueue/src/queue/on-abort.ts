/** Who waits for a signal, behind the one listener that it has from us. */
const waiting: WeakMap<AbortSignal, Set<() => void>> = new WeakMap()

/**
 * Calls back when a signal fires that has not fired yet; the function that is returned calls it off. All calls that share a signal
 * share one listener on it: services pass one signal for shutdown to everything, and Node takes the eleventh listener for a leak.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = waiting.get(signal) ?? listen(signal)
  callbacks.add(callback)
  return () => {
    callbacks.delete(callback)
    if (callbacks.size > 0 || waiting.get(signal) !== callbacks) return
    waiting.delete(signal)
    signal.removeEventListener('abort', fire)
  }
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>()
  waiting.set(signal, callbacks)
  signal.addEventListener('abort', fire, { once: true })
  return callbacks
}

/** The listener: one function for all signals, so that it can be taken off any of them. */
function fire(event: Event): void {
  const signal = event.target as AbortSignal
  const callbacks = waiting.get(signal)
  waiting.delete(signal)
  for (const callback of callbacks ?? []) callback()
}
