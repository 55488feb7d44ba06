declare const brand: unique symbol;

/** A primitive that cannot be mixed up with another of the same representation. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A virtual address of a captured process: 64 bits, hence a bigint. */
export type Address = Brand<bigint, 'Address'>;

export const address = (value: bigint): Address => value as Address;

/** `0x`-prefixed lower-case hexadecimal, as the kernel and gdb print addresses. */
export const formatAddress = (value: bigint): string => `0x${value.toString(16)}`;
