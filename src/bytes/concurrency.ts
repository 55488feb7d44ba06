/** Runs `action` on every item, at most `limit` at a time, in their order. Rejects as soon as one does. */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  limit: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await action(next.value);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
