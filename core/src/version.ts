/** Version of @rnnx/core that plugins name in their `core` range; a test keeps it equal to package.json. */
export const coreVersion = '0.1.0';
