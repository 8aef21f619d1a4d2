using System.Text.Json.Serialization;

namespace GuardSharp.Evaluation.Attacks;

/// <summary>The files of an attack as JSON.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AttackResult))]
[JsonSerializable(typeof(AttackSummary))]
internal sealed partial class AttackJson : JsonSerializerContext;
