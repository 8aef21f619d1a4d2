using GuardSharp.Server.Audit.Recording;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>Stored decisions for tests of the store itself.</summary>
internal static class Rows
{
    public static RunStart Run { get; } = new("run1", "host1", new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), "Buffered");

    public static DecisionRow Make(long number) => new()
    {
        Run = Run.Run,
        Number = number,
        Id = $"modr-{number:x32}",
        Time = Run.Started.AddSeconds(number),
        Key = "app",
        Endpoint = "/v1/moderations",
        Task = "prompt",
        Unsafe = number % 2 == 0,
        UnsafeProbability = 0.25,
        Threshold = 0.5,
        Categories = number % 2 == 0 ? ["S1", "S14"] : [],
        Probabilities = new Dictionary<string, double> { ["S1"] = 0.125 },
        PolicyVersion = "p@1",
        Model = "m@1",
        PromptTokens = 10,
        ImageTokens = 0,
        LatencyMs = 1.5,
        ContentHash = "00",
        Content = number % 3 == 0 ? """[{"role":"user","content":"hi"}]""" : null,
    };
}
