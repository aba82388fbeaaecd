/** How many frames have begun in one direction of a connection, and how many of them are over. Both only grow. */
export interface Progress {
  begun: number
  done: number
}
