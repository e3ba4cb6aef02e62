if (+process.versions.node.split('.')[0] < 24) {
  console.error(
    `Node ${process.version} is too old: this project needs 24. Run "npm ci" without --omit=optional, or install Node 24.`,
  );
  process.exit(1);
}
