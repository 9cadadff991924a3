import { referenceValuesShape } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { COMPARED_REGISTERS } from './compared-registers.ts';

interface EntrySchema {
  readonly properties: {
    readonly technology: { readonly enum: readonly (keyof typeof COMPARED_REGISTERS)[] };
    readonly registers: { readonly properties: object; readonly required: readonly string[] };
  };
}

const { properties } = referenceValuesShape.schema as unknown as {
  readonly properties: { readonly entries: { readonly items: { readonly oneOf: readonly EntrySchema[] } } };
};
const SCHEMAS = properties.entries.items.oneOf.map(({ properties: entry }) => entry);

promise('P3', 'every register that reference values can name is compared, and no other', () => {
  expect(SCHEMAS.map(({ technology }) => technology.enum[0]).sort()).toEqual(Object.keys(COMPARED_REGISTERS).sort());
  for (const { technology, registers } of SCHEMAS) {
    for (const name of technology.enum) {
      expect([...COMPARED_REGISTERS[name].order].sort()).toEqual(Object.keys(registers.properties).sort());
    }
  }
});

promise('P3', 'a register that reference values have to name is neither left out nor taken for zero', () => {
  for (const { technology, registers } of SCHEMAS) {
    for (const { order, zero, optional, launch } of technology.enum.map((name) => COMPARED_REGISTERS[name])) {
      const free = [...zero, ...optional];
      expect(new Set(free).size).toBe(free.length);
      expect(order).toEqual(expect.arrayContaining(launch === undefined ? free : [...free, launch]));
      expect(registers.required.filter((name) => free.includes(name))).toEqual([]);
      // RTMR3 may be left out where an app-compose explains it, and has to be there all the same.
      const others = order.filter((name) => !free.includes(name) && name !== 'rtmr3');
      expect(others.sort()).toEqual([...registers.required].sort());
    }
  }
});
