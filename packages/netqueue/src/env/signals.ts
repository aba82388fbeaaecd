/** What a process hears from the system that runs it. */
export interface Signals {
  /** Calls back for each signal of a name, which then does nothing else; returns the function that ends that. */
  on(name: string, listener: () => void): () => void
  /** Sends this process a signal: one that nobody listens to does what it does to any process. */
  raise(name: string): void
}
