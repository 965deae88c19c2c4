/** The client that Triton's maintainers publish, at the version that these tests were written against. */
export const tritonPackages = ['tritonclient[http]==2.73.0', 'numpy==2.4.6'] as const;
