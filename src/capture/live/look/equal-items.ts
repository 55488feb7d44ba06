/**
 * Tells of each item that is equal to an earlier one which that is. Items are looked for among the different ones found so far,
 * which are kept in order. Ends early where two cannot be compared, or `budget` is used up.
 */
export function findEqual<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number | undefined,
  budget: { left: number },
  tell: (item: T, first: T) => void,
): void {
  const different: T[] = [];
  for (const item of items) {
    let low = 0;
    let high = different.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = different[middle];
      budget.left -= 1;
      const order = other !== undefined && budget.left >= 0 ? compare(item, other) : undefined;
      if (other === undefined || order === undefined) return;
      if (order === 0) {
        tell(item, other);
        break;
      }
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    if (low === high) different.splice(low, 0, item);
  }
}
