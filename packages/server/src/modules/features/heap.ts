/** A binary min-heap of (time, item) in two parallel arrays, so that its content can be copied as plain data. */
export interface Heap<T> {
  readonly times: number[];
  readonly items: T[];
}

export function heapPush<T>(heap: Heap<T>, time: number, item: T): void {
  const { times, items } = heap;
  let i = times.length;
  times.push(time);
  items.push(item);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    // Indices below stay within the arrays, which have equal lengths.
    if ((times[parent] as number) <= time) break;
    times[i] = times[parent] as number;
    items[i] = items[parent] as T;
    i = parent;
  }
  times[i] = time;
  items[i] = item;
}

/** Removes and returns the item of the smallest time if that time is at most `until`. */
export function heapPopUntil<T>(heap: Heap<T>, until: number): T | undefined {
  const { times, items } = heap;
  const top = times[0];
  if (top === undefined || top > until) return undefined;
  const result = items[0] as T;
  const time = times.pop() as number;
  const item = items.pop() as T;
  const length = times.length;
  if (length === 0) return result;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= length) break;
    if (child + 1 < length && (times[child + 1] as number) < (times[child] as number)) child++;
    if ((times[child] as number) >= time) break;
    times[i] = times[child] as number;
    items[i] = items[child] as T;
    i = child;
  }
  times[i] = time;
  items[i] = item;
  return result;
}
