/** Groups kept. A training step has some 60, and the buffers that go round come in ever the same turns. */
const mostGroups = 4096;

/**
 * Makes a device hand out the group that it made before for the same layout and buffers. Dawn takes longer to make one than
 * all else that starting a kernel needs.
 */
export function keepBindGroups(device: GPUDevice): void {
  const make = device.createBindGroup.bind(device);
  const known = new Map<string, GPUBindGroup>();
  const numbers = new WeakMap<object, number>();
  let last = 0;
  const numberOf = (thing: object): number => {
    const given = numbers.get(thing);
    if (given !== undefined) return given;
    numbers.set(thing, ++last);
    return last;
  };
  const createBindGroup = (descriptor: GPUBindGroupDescriptor): GPUBindGroup => {
    let key = `${numberOf(descriptor.layout)}`;
    for (const { binding, resource } of descriptor.entries) {
      if (!('buffer' in resource)) return make(descriptor);
      const { buffer, offset = 0, size = 'rest' } = resource;
      key += `|${binding} ${numberOf(buffer)} ${offset} ${size}`;
    }
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = make(descriptor);
    // All at once: those of buffers that are gone would stay for ever else.
    if (known.size === mostGroups) known.clear();
    known.set(key, made);
    return made;
  };
  Object.defineProperty(device, 'createBindGroup', { value: createBindGroup });
}
