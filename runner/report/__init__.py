"""Record and evidence turned into words: Markdown, HTML, JSON, JUnit XML, GitHub annotations and the dashboard."""
